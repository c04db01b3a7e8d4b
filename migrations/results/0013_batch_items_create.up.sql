CREATE TABLE batch_items (
  batch_id uuid NOT NULL REFERENCES batch_jobs ON DELETE CASCADE,
  item_no integer NOT NULL CHECK (item_no > 0),
  molecule_id uuid REFERENCES molecules,
  structure_id uuid REFERENCES structures,
  name text CHECK (char_length(name) <= 500),
  source_row bigint,
  status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'processing', 'completed', 'failed', 'skipped')),
  error jsonb CHECK (jsonb_typeof(error) = 'object'),
  retry_count integer NOT NULL DEFAULT 0 CHECK (retry_count >= 0),
  job_id uuid REFERENCES jobs,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (batch_id, item_no),
  CONSTRAINT batch_item_failed CHECK (status <> 'failed' OR error IS NOT NULL),
  CONSTRAINT batch_item_job CHECK (status NOT IN ('processing', 'completed') OR job_id IS NOT NULL)
);
CREATE UNIQUE INDEX batch_items_once ON batch_items (batch_id, molecule_id, structure_id) NULLS NOT DISTINCT
  WHERE molecule_id IS NOT NULL OR structure_id IS NOT NULL;
CREATE INDEX batch_items_status ON batch_items (batch_id, status, item_no);
CREATE INDEX batch_items_job ON batch_items (job_id) WHERE job_id IS NOT NULL;
CREATE INDEX batch_items_molecule ON batch_items (molecule_id);
CREATE INDEX batch_items_structure ON batch_items (structure_id) WHERE structure_id IS NOT NULL;
CALL finish_table('batch_items', 'Confidential: one row an input of a batch.', $${
  "batch_id": "The batch.",
  "item_no": "From 1, in the order of the request.",
  "molecule_id": "The species; null where it could not be read.",
  "structure_id": "The structure, where one was given.",
  "name": "Confidential: what its owner calls it.",
  "source_row": "Line or record it came from, from 1.",
  "status": "pending, processing, completed, failed or skipped.",
  "error": "code and message of a failed item.",
  "retry_count": "How often it was retried.",
  "job_id": "Its job, once there is one."
}$$);

CREATE FUNCTION check_batch_item_step() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  IF NOT (CASE OLD.status
    WHEN 'pending' THEN NEW.status IN ('processing', 'completed', 'failed', 'skipped')
    WHEN 'processing' THEN NEW.status IN ('completed', 'failed', 'skipped', 'pending')
    WHEN 'failed' THEN NEW.status IN ('pending', 'processing')
    WHEN 'skipped' THEN NEW.status = 'pending'
    ELSE false END)
  THEN
    RAISE EXCEPTION 'a % item can''t become %', OLD.status, NEW.status USING ERRCODE = 'check_violation', CONSTRAINT = 'batch_item_step';
  END IF;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION check_batch_item_step() IS 'Refuses a step that the life of an item does not have; completed is the end.';
CREATE TRIGGER batch_items_step BEFORE UPDATE OF status ON batch_items FOR EACH ROW
  WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION check_batch_item_step();

CREATE POLICY batch_items_member_read ON batch_items FOR SELECT TO {member} USING (
  EXISTS (SELECT 1 FROM batch_jobs b WHERE b.batch_id = batch_items.batch_id));
CREATE POLICY batch_items_member_insert ON batch_items FOR INSERT TO {member} WITH CHECK (
  EXISTS (SELECT 1 FROM batch_jobs b WHERE b.batch_id = batch_items.batch_id AND may_write(b.owner_id))
  AND (molecule_id IS NULL OR EXISTS (SELECT 1 FROM molecules m WHERE m.molecule_id = batch_items.molecule_id))
  AND (structure_id IS NULL OR EXISTS (SELECT 1 FROM structures s WHERE s.structure_id = batch_items.structure_id))
  AND (job_id IS NULL OR EXISTS (SELECT 1 FROM jobs j WHERE j.job_id = batch_items.job_id AND j.batch_id = batch_items.batch_id)));
CREATE POLICY batch_items_member_update ON batch_items FOR UPDATE TO {member} USING (
  EXISTS (SELECT 1 FROM batch_jobs b WHERE b.batch_id = batch_items.batch_id AND may_write(b.owner_id)));
GRANT SELECT, INSERT ON batch_items TO {member};
GRANT UPDATE (status, error, retry_count) ON batch_items TO {member};
