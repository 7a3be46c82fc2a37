\set n random(0, :tables - 1)
-- Two sessions delete the same rows: those that another has locked are left to it, or each might wait for the other.
DELETE FROM t:n WHERE id = ANY (ARRAY(SELECT id FROM t:n WHERE id = ANY (ARRAY(SELECT id FROM t:n ORDER BY id DESC OFFSET 1200 LIMIT 300)) FOR UPDATE SKIP LOCKED));
