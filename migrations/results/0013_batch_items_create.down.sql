DROP TABLE batch_items;
DROP FUNCTION check_batch_item_step();
