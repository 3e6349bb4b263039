-- Run once, by the first start of the database service: one database for each node.
CREATE DATABASE node_ke OWNER tidewaiter;
CREATE DATABASE node_tz OWNER tidewaiter;
