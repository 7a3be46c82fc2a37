# vector_quant_advise with statistics of statements: the operator in use, filter columns, inserts beside queries. What it says of a column
# alone is in sql/ivf_advise.
use strict;
use warnings;

use File::Basename;
use lib dirname(__FILE__) . '/lib';
use VectorQuant;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('advise');
my $there = $node->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_stat_statements'});

sub sql { return $node->safe_psql('postgres', $_[0]); }

# The first row's statement and reasons.
sub best
{
    my ($as) = @_;
    return sql(($as // '') . q{SELECT create_index || E'\n' || reason FROM vector_quant_advise('items', 'v') LIMIT 1});
}

sql(q{CREATE TABLE items (id int PRIMARY KEY, tenant int, category text, price numeric, added timestamptz, "Tags" text[], active bool,
    body text, place point, v vector(320)) WITH (autovacuum_enabled = off);
    ALTER TABLE items ALTER v SET STORAGE PLAIN;
    INSERT INTO items SELECT i, i % 9, 'c' || i % 5, i, now(), '{a}', true, 'text', '(1,1)', vq_row(i, 320) FROM generate_series(1, 1200) i});

my $unknown = qr/without pg_stat_statements they are not known/;
like(best(), $unknown, 'without the extension');
like(best(), qr/USING scann \(v vector_l2_ops\)\n/, 'without the extension: lengths decide, and dimensions');

if ($there)
{
    # In a schema of its own; and at first without its library.
    sql('CREATE SCHEMA "Statistics"; CREATE EXTENSION pg_stat_statements SCHEMA "Statistics"');
    like(best(), $unknown, 'without its library');
    $node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_stat_statements'\n");
    $node->restart;
    like(best(), qr/pg_stat_statements has no query that orders/, 'without queries');

    my $q = query_vector($node, 320, 1);
    # Each query and how often it comes.
    my @queries = (
        [ 4, "SELECT id FROM items WHERE tenant = 3 AND category IN ('c1', 'c2') ORDER BY v <=> $q LIMIT 1" ],
        [ 3, "SELECT i.id FROM public.items AS i WHERE i.tenant = 4 AND i.added > now() - interval '1 day' ORDER BY i.v <=> $q LIMIT 1" ],
        [ 2, "WITH n AS (SELECT id, v <=> $q AS d FROM items WHERE \"Tags\" && '{a}' AND active ORDER BY d LIMIT 3) SELECT * FROM n" ],
        [ 1, "SELECT id FROM items WHERE tenant BETWEEN 1 AND 2 OR price > 3 ORDER BY v <-> $q LIMIT 1" ],
        # An index cannot have these: a range of texts, a type of its own, a comparison of columns.
        [ 9, "SELECT id FROM items WHERE body > 'a' AND place <\@ box '((0,0),(2,2))' AND price = id ORDER BY v <=> $q LIMIT 1" ],
        # Of another order, and of another table.
        [ 50, 'SELECT id FROM items WHERE price = 3 ORDER BY id LIMIT 1' ],
        [ 50, "SELECT x.id FROM (SELECT 1 AS id, 2 AS body, $q\::vector AS v) AS x WHERE body = 2 ORDER BY v <#> $q" ]);
    sql(join(";\n", map { ($_->[1]) x $_->[0] } @queries));
    my $advice = best();
    like($advice, qr/USING scann \(v vector_cosine_ops, tenant, category, added, "Tags", active\)\n/, 'operator and filter columns');
    like($advice, qr/^queries order by <=>$/m, 'says which operator queries use');
    like($advice, qr/^of 19 queries in pg_stat_statements 37 % filter by tenant, 21 % filter by category, 16 % filter by added, 11 % filter by "Tags", 11 % filter by active$/m,
        'says how many filter by what');
    sql($advice =~ s/\n.*//sr);
    is(sql(q{SELECT count(*) FROM vector_quant_indexes() WHERE "table" = 'items'::regclass AND valid}), 1, 'the text can be run');

    # Another user sees no texts but his own.
    sql('CREATE ROLE reader; GRANT SELECT ON items TO reader; GRANT USAGE ON SCHEMA "Statistics" TO reader');
    like(best('SET ROLE reader;'), qr/pg_stat_statements has no query that orders/, 'texts of others are not seen');
    sql('REVOKE ALL ON "Statistics".pg_stat_statements FROM PUBLIC');
    like(best('SET ROLE reader;'), $unknown, 'statistics that may not be read');

    sql("INSERT INTO items (id, v) VALUES (10000 + $_, $q)") for 1 .. 20;
    like(best(), qr/USING ivf_rabitq .*\nivf_rabitq: inserts \(20 calls\) outnumber queries \(19\)$/m, 'inserts outnumber queries');
}

ok(!crashed($node), 'no crash');
done_testing();
