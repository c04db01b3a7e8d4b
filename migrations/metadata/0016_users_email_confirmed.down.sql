-- Addresses were unique before: where several have one, it stays whose it was confirmed to be, else the oldest account's.
UPDATE users u SET email = 'unconfirmed+' || u.user_id || '@invalid'
  WHERE NOT u.email_confirmed AND EXISTS (
    SELECT FROM users o WHERE o.user_id <> u.user_id AND lower(o.email) = lower(u.email)
      AND (o.email_confirmed OR o.user_id < u.user_id));
DROP INDEX users_email_key;
CREATE UNIQUE INDEX users_email_key ON users (lower(email));
COMMENT ON COLUMN users.email IS 'PII: address; unique whatever the case.';
ALTER TABLE users DROP COLUMN email_confirmed;
