DROP PROCEDURE join_visible_projects(regclass);
DROP TABLE projects;
DROP FUNCTION check_project();
