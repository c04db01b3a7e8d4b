-- All that a job is made from stands in the batch and its item, so that a window of them is one statement.
ALTER TABLE batch_jobs
  ADD COLUMN inputs jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(inputs) = 'array'),
  ADD COLUMN reuse boolean NOT NULL DEFAULT true,
  ADD COLUMN sealed_at timestamptz;
COMMENT ON COLUMN batch_jobs.inputs IS 'Confidential: inputs that all its jobs share: key, molecule_id, structure_id, site_id of each.';
COMMENT ON COLUMN batch_jobs.reuse IS 'False: its jobs are computed anew, whatever the cache knows.';
COMMENT ON COLUMN batch_jobs.sealed_at IS 'When its last item was there; null: items are still being added, and it can''t complete.';
ALTER TABLE batch_items
  ADD COLUMN input_key text CHECK (char_length(input_key) BETWEEN 1 AND 200),
  ADD COLUMN params jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(params) = 'object'),
  ADD COLUMN input_signature text CHECK (input_signature ~ '^[0-9a-f]{64}$');
COMMENT ON COLUMN batch_items.input_key IS 'Name under which its job is given the item.';
COMMENT ON COLUMN batch_items.params IS 'Confidential: parameters of this item alone, over those of the batch.';
COMMENT ON COLUMN batch_items.input_signature IS 'As its job will have it; null for an item that makes none.';
GRANT UPDATE (sealed_at) ON batch_jobs TO {member};
