\set n random(0, :tables - 1)
\set old random(0, 1000)
\set new random(1, 4000)
UPDATE t:n SET v = (SELECT v FROM vectors WHERE id = :new) WHERE id = (SELECT id FROM t:n ORDER BY id DESC OFFSET :old LIMIT 1);
UPDATE t:n SET f = (f + 1) % 7 WHERE id = (SELECT id FROM t:n ORDER BY id DESC OFFSET :old LIMIT 1);
