DROP TABLE dataset_members;
DROP TABLE datasets;
DROP FUNCTION refuse_frozen_member();
DROP FUNCTION refuse_frozen_change();
