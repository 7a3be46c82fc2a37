# What PostgreSQL builds on the order of an index: GROUP BY, DISTINCT, window functions, merge joins, Merge Append of partitions and of
# UNION ALL, cursors, LATERAL. With all lists visited and a wide bound the results are those without the index, row for row; with
# few lists or the settings as shipped some rows may be missing, but no distance comes after a larger one, and no group twice.
#
# Coordinates are small integers, so that many rows lie at the same distance.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorQuant;

my $node    = new_node('order_consumers');
my ($major) = $node->safe_psql('postgres', 'SHOW server_version_num') =~ /^(\d+)\d{4}$/;
my %metric  = ('<->' => 'l2', '<#>' => 'ip', '<=>' => 'cosine');
my %type    = (v => 'vector', h => 'halfvec');
my @queries = ('[3,3,3,3]', '[1.5,4,2.25,6]');

# Statements by name, and what their plans must have. D is a row's distance to the query, E the one to a row of table queries. Where
# the name begins with group each distance may come but once.
my $nearest = 'SELECT D FROM ties ORDER BY 1';
my %statement = (
    nearest => [ $nearest, qr/Index Scan using ties_x/ ],
    limit   => [ "$nearest OFFSET 100 LIMIT 500", qr/Limit.*Index Scan using ties_x/s ],
    filter  => [ 'SELECT D FROM ties WHERE id % 7 = 3 ORDER BY 1 LIMIT 200', qr/Index Scan using ties_x/ ],
    group_by       => [ 'SELECT D, count(*) FROM ties GROUP BY 1 ORDER BY 1 LIMIT 25', qr/Group.*Index Scan using ties_x/s ],
    group_distinct => [ 'SELECT DISTINCT D FROM ties ORDER BY 1 LIMIT 25', qr/Unique.*Index Scan using ties_x/s ],
    group_distinct_on => [ 'SELECT DISTINCT ON (D) D FROM ties ORDER BY D LIMIT 25', qr/Unique.*Index Scan using ties_x/s ],
    # From 17 on the index's order serves as the first part of another.
    incremental_sort => [
        'SELECT D, id FROM ties ORDER BY D, id LIMIT 600',
        $major >= 17 ? qr/Incremental Sort.*Index Scan using ties_x/s : qr/Sort/ ],
    group_merge_join => [
        'SELECT a.d, count(*) FROM (SELECT D AS d FROM ties) a JOIN (SELECT D AS d FROM ties) b USING (d) GROUP BY 1 ORDER BY 1 LIMIT 15',
        qr/Group.*Merge Join.*Index Scan using ties_x.*Index Scan using ties_x/s ],
    rank => [
        'SELECT D, dense_rank() OVER w, rank() OVER w, row_number() OVER w FROM ties WINDOW w AS (ORDER BY D) LIMIT 600',
        qr/WindowAgg.*Index Scan using ties_x/s ],
    merge_append     => [ 'SELECT D FROM parts ORDER BY 1 LIMIT 600', qr/Merge Append.*Index Scan.*Index Scan/s ],
    group_partitions => [ 'SELECT D, count(*) FROM parts GROUP BY 1 ORDER BY 1 LIMIT 25', qr/Group.*Merge Append.*Index Scan.*Index Scan/s ],
    union_all        => [
        'SELECT d FROM (SELECT D AS d FROM ties UNION ALL SELECT D FROM parts) u ORDER BY 1 LIMIT 600',
        qr/Merge Append.*Index Scan using ties_x.*Index Scan/s ],
    group_lateral => [
        'SELECT n.d, n.count, o.n FROM queries o, LATERAL (SELECT E AS d, count(*) FROM ties GROUP BY 1 ORDER BY 1 LIMIT 15) n',
        qr/Nested Loop.*Group.*Index Scan using ties_x/s ]);
my $force = 'SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off; SET enable_hashagg = off; SET enable_hashjoin = off;';

# A statement, and the settings without which another plan would do.
sub sql_of
{
    my ($name, $column, $op, $query) = @_;
    my $sql  = $statement{$name}[0] =~ s/\bD\b/$column $op '$query'/gr =~ s/\bE\b/ties.$column $op o.$column/gr;
    my $loop = $name =~ /join/ ? 'off' : 'on';
    return ("SET enable_nestloop = $loop;", $sql);
}

# Lines of the results by the statement's name. A cursor that is read in steps is one of them.
sub results
{
    my ($column, $op, $query, $settings) = @_;
    my $sql = "$settings\n";
    for my $name (sort keys %statement)
    {
        my ($setting, $select) = sql_of($name, $column, $op, $query);
        $sql .= "\\echo =$name\n$setting\n$select;\n";
    }
    my (undef, $select) = sql_of('nearest', $column, $op, $query);
    my $fetch = join ' ', map { "FETCH $_ FROM c;" } 1, 7, 100, 1, 400, 'ALL';
    $sql .= "\\echo =cursor\nBEGIN; DECLARE c CURSOR FOR $select; $fetch COMMIT;\n";
    my (%result, $name);
    for (split /\n/, $node->safe_psql('postgres', $sql))
    {
        if (/^=(\w+)$/) { $name = $1; $result{$name} = []; }
        else            { push @{ $result{$name} }, $_; }
    }
    return \%result;
}

# The distances that there are to the query, and by their numbers to those of table queries: the place of each in the order. They
# are compared by it, since text does not order and Perl may round.
sub places
{
    my ($column, $op, $query) = @_;
    my ($number, %place) = (0);
    for (split /\n/, $node->safe_psql('postgres', "SELECT q, d FROM (SELECT '' AS q, $column $op '$query' AS d FROM ties
            UNION SELECT n::text, ties.$column $op o.$column FROM ties, queries o) s ORDER BY 1, 2"))
    {
        my ($of, $distance) = split /\|/;
        $place{$of}{$distance} = ++$number;
    }
    return \%place;
}

# Whether no distance comes after a larger one, nor after an equal one where each may come but once.
sub is_ordered
{
    my ($name, $lines, $place) = @_;
    my ($before, $of) = (0, '');
    for (@$lines)
    {
        my @column = split /\|/;
        my $now  = $name =~ /lateral/ ? $column[2] : '';
        my $here = $place->{$now}{ $column[0] } or return 0;
        $before = 0 if $now ne $of;
        return 0 if $here < $before || ($name =~ /^group/ && $here == $before);
        ($before, $of) = ($here, $now);
    }
    return 1;
}

sub check_index
{
    my ($am, $column, $op) = @_;
    my $ops  = "$type{$column}_$metric{$op}_ops";
    my $with = $am eq 'wrvq' ? ', ' . variant($am, 1) : '';    # to train 24 codebooks takes its time
    $node->safe_psql('postgres', "SET client_min_messages = error; CREATE INDEX ties_x ON ties USING $am ($column $ops) WITH (nlist = 40$with);
        CREATE INDEX parts_x ON parts USING $am ($column $ops) WITH (nlist = 12$with); ANALYZE ties, parts");
    for my $name (sort keys %statement)
    {
        my ($setting, $select) = sql_of($name, $column, $op, $queries[0]);
        like($node->safe_psql('postgres', "$force $setting EXPLAIN (COSTS OFF) $select"), $statement{$name}[1], "$am, $ops, $name: the plan");
    }
    for my $query (@queries)
    {
        my $place = places($column, $op, $query);
        my $exact = results($column, $op, $query, 'SET enable_indexscan = off;');
        my $wide  = results($column, $op, $query, "$force SET $am.nprobe = 65536; SET $am.epsilon = 4;");
        is_deeply($wide->{$_}, $exact->{$_}, "$am, $ops, $query, $_: all lists, as without the index") for sort keys %$exact;
        for my $settings ('', "SET $am.nprobe = 1;", "SET $am.iterative_scan = off; SET $am.epsilon = 0.5;")
        {
            my $label = "$am, $ops, $query, " . ($settings || 'as shipped');
            my $found = results($column, $op, $query, "$force $settings");
            my @wrong = grep { !is_ordered($_, $found->{$_}, $place) } sort keys %$exact;
            is("@wrong", '', "$label: in order, no group twice");
            next if $settings =~ /off/;    # which stops after the first lists
            my ($given, $exist) = map { scalar @{ $_->{nearest} } } $found, $exact;
            ok($given <= $exist && $given >= 0.95 * $exist, "$label: nearly all rows") || diag("$given of $exist");
        }
    }
    $node->safe_psql('postgres', 'DROP INDEX ties_x, parts_x');
    return;
}

# Zero vectors are in no cosine index: coordinates begin at 1.
$node->safe_psql('postgres', q{
    CREATE TABLE ties (id int, v vector(4), h halfvec(4));
    INSERT INTO ties SELECT id, a::vector, a::vector::halfvec FROM generate_series(1, 4000) id,
        LATERAL (SELECT array_agg(1 + (hashint8extended(id, d) & 1048575) % 6 ORDER BY d)::real[] AS a FROM generate_series(1, 4) d) s;
    CREATE TABLE parts (id int, v vector(4), h halfvec(4)) PARTITION BY HASH (id);
    CREATE TABLE parts_0 PARTITION OF parts FOR VALUES WITH (MODULUS 3, REMAINDER 0);
    CREATE TABLE parts_1 PARTITION OF parts FOR VALUES WITH (MODULUS 3, REMAINDER 1);
    CREATE TABLE parts_2 PARTITION OF parts FOR VALUES WITH (MODULUS 3, REMAINDER 2);
    INSERT INTO parts SELECT id, v, h FROM ties;
    CREATE TABLE queries AS SELECT n, a::vector AS v, a::vector::halfvec AS h
        FROM (VALUES (1, '{2,2,2,2}'::real[]), (2, '{1,6,1,6}'), (3, '{5.5,1,3,2}')) q (n, a)});
for my $am (access_methods())
{
    for my $column (sort keys %type)
    {
        check_index($am, $column, $_) for sort keys %metric;
    }
}
ok(!crashed($node), 'no crash');
done_testing();
