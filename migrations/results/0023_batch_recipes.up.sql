-- All that a job is made from stands in the batch and its item, so that a window of them is one statement.
ALTER TABLE batch_jobs
  ADD COLUMN inputs jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(inputs) = 'array'),
  ADD COLUMN options jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(options) = 'object'),
  ADD COLUMN reuse boolean NOT NULL DEFAULT true,
  ADD COLUMN sealed_at timestamptz;
COMMENT ON COLUMN batch_jobs.inputs IS 'Confidential: inputs that all its jobs share: key, molecule_id, structure_id, site_id and identity of each.';
COMMENT ON COLUMN batch_jobs.options IS 'How what is added to it is read: stereo, charge, source_file and the like; no part of its jobs.';
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
-- Its jobs are made by machinery, which sees everything: so a person names only what that person sees.
CREATE POLICY batch_jobs_member_inputs ON batch_jobs AS RESTRICTIVE FOR INSERT TO {member} WITH CHECK (NOT EXISTS (
  SELECT 1 FROM jsonb_to_recordset(inputs) AS i(molecule_id uuid, structure_id uuid, site_id uuid)
  WHERE (i.molecule_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM molecules m WHERE m.molecule_id = i.molecule_id))
    OR (i.structure_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM structures s WHERE s.structure_id = i.structure_id))
    OR (i.site_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM binding_sites b WHERE b.site_id = i.site_id))));
CREATE INDEX batch_jobs_status ON batch_jobs (status, created_at DESC, batch_id DESC);
CREATE INDEX batch_jobs_leaving ON batch_jobs (batch_id) WHERE status = 'cancelled' AND next_item <= total_items;
-- Asked once for a statement and not for every row: 10,000 items go in at once.
DROP POLICY batch_items_member_insert ON batch_items;
CREATE POLICY batch_items_member_insert ON batch_items FOR INSERT TO {member} WITH CHECK (
  batch_id IN (SELECT b.batch_id FROM batch_jobs b
    WHERE (SELECT in_own_org()) AND (b.owner_id = (SELECT app_user()) OR (SELECT app_is_admin())))
  AND (molecule_id IS NULL OR EXISTS (SELECT 1 FROM molecules m WHERE m.molecule_id = batch_items.molecule_id))
  AND (structure_id IS NULL OR EXISTS (SELECT 1 FROM structures s WHERE s.structure_id = batch_items.structure_id))
  AND (job_id IS NULL OR EXISTS (SELECT 1 FROM jobs j WHERE j.job_id = batch_items.job_id AND j.batch_id = batch_items.batch_id)));
