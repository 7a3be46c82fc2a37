\set n random(0, :tables - 1)
DELETE FROM t:n WHERE id IN (SELECT id FROM t:n ORDER BY id DESC OFFSET 1200 LIMIT 300);
