DROP INDEX structures_checksum;
ALTER TABLE structures DROP COLUMN record;
