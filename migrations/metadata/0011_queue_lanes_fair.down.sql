DROP INDEX task_queue_leased;
CREATE INDEX task_queue_next ON task_queue (engine, priority DESC, rank) WHERE lease_owner IS NULL;
DROP INDEX queue_lanes_next;
CREATE INDEX queue_lanes_next ON queue_lanes (engine, vtime);
ALTER TABLE queue_lanes DROP COLUMN available_at, DROP COLUMN is_active;
