DROP TABLE atomic_properties;
DROP TABLE calculations;
