DROP TABLE queue_lanes;
