\set n random(0, :tables - 1)
\set query random(1, 4000)
\set wanted random(0, 6)
SELECT look(:n, :query, :wanted);
