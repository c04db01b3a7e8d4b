DROP TABLE protocols;
DROP TABLE structures;
