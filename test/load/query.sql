\set n random(0, :tables - 1)
\set query random(1, 4000)
SELECT look(:n, :query);
