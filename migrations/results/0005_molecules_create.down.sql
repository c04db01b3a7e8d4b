DROP FUNCTION relate_molecules(uuid, uuid, text, text, text);
DROP FUNCTION register_molecules(jsonb);
DROP TABLE molecule_relations;
DROP POLICY molecules_member ON molecules;
DROP TABLE registrations;
DROP FUNCTION tags_are_short(text[]);
DROP TABLE molecules;
