DROP VIEW atomic_forces;
DROP TABLE atomic_properties;
DROP TABLE calculations;
