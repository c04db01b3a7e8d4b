DROP TABLE identities;
DROP TABLE identity_providers;
DROP TABLE api_keys;
DROP TABLE tokens;
