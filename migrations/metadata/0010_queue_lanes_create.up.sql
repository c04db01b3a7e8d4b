CREATE TABLE queue_lanes (
  org_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
  engine text NOT NULL CHECK (char_length(engine) BETWEEN 1 AND 100),
  vtime double precision NOT NULL DEFAULT 0 CHECK (vtime >= 0 AND vtime < 'infinity'),
  weight double precision NOT NULL DEFAULT 1 CHECK (weight > 0 AND weight <= 1000),
  quota integer CHECK (quota >= 0),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, engine)
);
CREATE INDEX queue_lanes_next ON queue_lanes (engine, vtime);
CALL finish_table('queue_lanes', 'Shares of the organizations in the workers: the lane with the lowest virtual time is served first.', $${
  "org_id": "The organization.",
  "engine": "Program that its tasks need.",
  "vtime": "Tasks taken so far, each divided by the weight.",
  "weight": "Share: 2 gets twice what 1 gets.",
  "quota": "Tasks at once at most; null: no limit."
}$$);
CREATE POLICY queue_lanes_member ON queue_lanes FOR SELECT TO {member} USING (org_id = (SELECT app_org()));
GRANT SELECT ON queue_lanes TO {member};
