DROP PROCEDURE finish_table(regclass, text, jsonb);
DROP FUNCTION app_is_admin();
DROP FUNCTION app_user();
DROP FUNCTION app_org();
DROP FUNCTION refuse_change();
DROP FUNCTION touch_updated_at();
DROP FUNCTION new_id();
