-- DISCARD ALL: nothing of a session stays, for the next client of a connection pool.
SET client_min_messages = warning;
SET enable_seqscan = off;
CREATE TABLE di (id int, v vector(3));
INSERT INTO di SELECT i, ARRAY[i, i % 7, i % 3]::vector FROM generate_series(1, 200) i;
CREATE INDEX ON di USING ivf_rabitq (v);
SET vector_quant.target_recall = 0.9;
SET ivf_rabitq.epsilon = 4;
SELECT id FROM di ORDER BY v <-> '[20,6,2]' LIMIT 1;
SELECT returned, codes > 0 AS codes FROM vector_quant_last_scan();
-- what keeps it
RESET ALL;
DISCARD PLANS;
DISCARD TEMP;
DISCARD SEQUENCES;
BEGIN;
DISCARD ALL;
ROLLBACK;
SELECT returned, codes > 0 AS codes FROM vector_quant_last_scan();
SET vector_quant.target_recall = 0.9;
DISCARD ALL;
SELECT lists, codes, refined, reranked, returned, passes, sublists, sublist_rows, dropped, swept, bound, filtered FROM vector_quant_last_scan();
SHOW vector_quant.target_recall;
SHOW ivf_rabitq.epsilon;
-- and the session goes on
SET enable_seqscan = off;
SELECT id FROM di ORDER BY v <-> '[20,6,2]' LIMIT 1;
SELECT returned FROM vector_quant_last_scan();
DROP TABLE di;
