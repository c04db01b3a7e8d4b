-- An address that somebody merely typed, as in an invitation, is nobody's proof: it must neither keep the one whose it is from having an account, nor tell that they have one.
ALTER TABLE users ADD COLUMN email_confirmed boolean NOT NULL DEFAULT true;
-- Who made their account by an invitation before: the audit log, which is kept for good, says so of each. Where it was restored without, an invitation that is
-- still there says it too: the account was made in the moment of its use. Of whoever else was invited nothing is known any more, and their address stays confirmed.
UPDATE users u SET email_confirmed = false WHERE EXISTS (
    SELECT FROM audit_logs a WHERE a.user_id = u.user_id AND a.action = 'member.accept' AND a.metadata @> '{"new": true}')
  OR EXISTS (SELECT FROM tokens t WHERE t.kind = 'invite' AND t.used_at = u.created_at AND lower(t.email) = lower(u.email));
COMMENT ON COLUMN users.email IS 'PII: address; unique whatever the case among those that are confirmed.';
COMMENT ON COLUMN users.email_confirmed IS 'True: the operator said whose address it is, so one signs in with it; false: who invited them typed it.';
DROP INDEX users_email_key;
CREATE UNIQUE INDEX users_email_key ON users (lower(email)) WHERE email_confirmed;
GRANT SELECT (email_confirmed) ON users TO {member};
