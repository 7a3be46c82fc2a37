-- What codebooks take: bits of a coordinate by the number of rows, chosen anew whenever the index is trained.
CREATE TABLE wc (id int, v vector(64));
CREATE FUNCTION wc_add(first int, last int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO wc SELECT i, ARRAY(SELECT sin(i * d) + cos(i * (d + 3.3) / 7) FROM generate_series(1, 64) d)::vector FROM generate_series(first, last) i $$;
-- an index that is there before its rows; a few rows; four times as many; so many that bytes are little beside them
CREATE INDEX wc_v ON wc USING wrvq (v);
CREATE VIEW wc_said AS
    SELECT trained, build_rows, substring(codes FROM 'of \d+ bits?') AS coordinates, substring(codes FROM '\d+ of them trained') AS layers
    FROM vector_quant_index_stats('wc_v');
CREATE FUNCTION wc_found() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM vector_quant_index_check('wc_v', true);
    RETURN recall >= 0.9 FROM vector_quant_recall('wc_v', k => 10, queries => 20);
END $$;

SELECT * FROM wc_said;
SELECT wc_add(1, 1100);
VACUUM wc;
SELECT *, wc_found() FROM wc_said;
SELECT wc_add(1101, 4500);
VACUUM wc;
SELECT *, wc_found() FROM wc_said;
TRUNCATE wc;
SELECT wc_add(1, 10000);
REINDEX INDEX wc_v;
SELECT *, wc_found() FROM wc_said;

-- what is said is done
DELETE FROM wc WHERE id > 1100;
CREATE TEMP TABLE wc_sizes (bits text, bytes bigint, coordinates text, found boolean);
DO $$
DECLARE
    bits text;
BEGIN
    FOREACH bits IN ARRAY ARRAY['1', '2', '4', '8', 'auto'] LOOP
        EXECUTE format('ALTER INDEX wc_v SET (codeword_bits = %s)', bits);
        REINDEX INDEX wc_v;
        INSERT INTO wc_sizes SELECT bits, fixed_bytes, coordinates, wc_found() FROM wc_said, vector_quant_index_stats('wc_v');
    END LOOP;
END $$;
SELECT bits, coordinates, found, bytes < lead(bytes) OVER (ORDER BY bits) AS smaller_than_next FROM wc_sizes WHERE bits <> 'auto' ORDER BY bits;
SELECT a.coordinates, a.bytes = b.bytes AS as_said FROM wc_sizes a JOIN wc_sizes b ON b.bits = '2' WHERE a.bits = 'auto';
ALTER INDEX wc_v SET (codeword_bits = 3);
ALTER INDEX wc_v SET (codeword_bits = 16);
ALTER INDEX wc_v SET (codeword_bits = 0);
SET client_min_messages = warning;
DROP TABLE wc CASCADE;
DROP FUNCTION wc_add, wc_found;
