DROP POLICY batch_items_member_insert ON batch_items;
CREATE POLICY batch_items_member_insert ON batch_items FOR INSERT TO {member} WITH CHECK (
  EXISTS (SELECT 1 FROM batch_jobs b WHERE b.batch_id = batch_items.batch_id AND may_write(b.owner_id))
  AND (molecule_id IS NULL OR EXISTS (SELECT 1 FROM molecules m WHERE m.molecule_id = batch_items.molecule_id))
  AND (structure_id IS NULL OR EXISTS (SELECT 1 FROM structures s WHERE s.structure_id = batch_items.structure_id))
  AND (job_id IS NULL OR EXISTS (SELECT 1 FROM jobs j WHERE j.job_id = batch_items.job_id AND j.batch_id = batch_items.batch_id)));
ALTER TABLE batch_items DROP COLUMN input_signature, DROP COLUMN params, DROP COLUMN input_key;
DROP INDEX batch_jobs_leaving;
DROP INDEX batch_jobs_status;
DROP POLICY batch_jobs_member_inputs ON batch_jobs;
ALTER TABLE batch_jobs DROP COLUMN sealed_at, DROP COLUMN options, DROP COLUMN reuse, DROP COLUMN inputs;
