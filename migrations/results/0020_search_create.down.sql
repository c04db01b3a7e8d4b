DROP FUNCTION search_jobs(jsonb);
DROP FUNCTION search_registrations(text, text, text);
