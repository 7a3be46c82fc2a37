# EXPLAIN ANALYZE says what an index scan did, from PostgreSQL 18 on; before, modules cannot add to it.
use strict;
use warnings;

use File::Basename;
use lib dirname(__FILE__) . '/lib';
use VectorQuant;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('explain');
my $explain = 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF)';
my $force = 'SET enable_seqscan = off; SET enable_sort = off;';
my $says = $node->safe_psql('postgres', 'SHOW server_version_num') >= 180000;
my @counts = qw(codes refined reranked passes dropped);
my %label = (codes => 'Codes Scanned', refined => 'Rows Refined', reranked => 'Rows Reranked', passes => 'Passes',
    dropped => 'Rows Dropped');

# The plan and, from 18 on, what vector_quant_last_scan() then says of the same scan.
sub plan_and_scan
{
    my ($query, $settings) = @_;
    $settings //= '';
    my $out = $node->safe_psql('postgres', "$force $settings $explain $query; SELECT row_to_json(s) FROM vector_quant_last_scan() s");
    my ($json) = $out =~ /^(\{.*\})$/m;
    my %scan = $json =~ /"(\w+)":(\d+)/g;
    return ($out, \%scan);
}

for my $am (access_methods())
{
    my $table = "t_$am";
    new_table($node, $table, 16, 3000, am => $am, with => 'nlist = 50, refine = true');
    my $query = query_vector($node, 16, 1);
    my $nearest = "SELECT id FROM $table ORDER BY v <-> $query LIMIT 10";

    my ($plan, $scan) = plan_and_scan($nearest);
    like($plan, qr/Index Scan using ${table}_v/, "$am: an index scan");
    is($scan->{returned}, 10, "$am: ten rows");
    my $plain = $node->safe_psql('postgres', "$force EXPLAIN (COSTS OFF) $nearest");
    unlike($plain, qr/Lists Visited/, "$am: nothing is said of a scan that did not run");
    if (!$says)
    {
        unlike($plan, qr/Lists Visited/, "$am: nothing is said before PostgreSQL 18");
        next;
    }

    like($plan, qr/Lists Visited: $scan->{lists} of 50$/m, "$am: lists");
    for my $count (@counts)
    {
        my $expected = $scan->{$count} > 0 ? qr/$label{$count}: $scan->{$count}$/m : qr/^(?!.*$label{$count})/s;
        like($plan, $expected, "$am: $count");
    }
    cmp_ok($scan->{refined}, '>', 0, "$am: records are looked at");

    $plan = $node->safe_psql('postgres', "$force SET $am.nprobe = 7; $explain $nearest");
    like($plan, qr/Lists Visited: 7 of 50$/m, "$am: as many lists as the setting says");

    ($plan) = plan_and_scan("SELECT o.id, n.id FROM $table o, LATERAL
        (SELECT id FROM $table ORDER BY v <-> o.v LIMIT 1) n WHERE o.id <= 4");
    my ($sum) = $plan =~ /Lists Visited: (\d+) of 50 in 4 searches$/m;
    my $alone = 0;
    $alone += (plan_and_scan("SELECT id FROM $table ORDER BY v <-> (SELECT v FROM $table WHERE id = $_) LIMIT 1"))[1]->{lists} for 1 .. 4;
    is($sum, $alone, "$am: a node's searches are added up") or diag($plan);
    is(() = $plan =~ /Lists Visited/g, 1, "$am: nothing is said of other indexes");

    my $json = $node->safe_psql('postgres', "$force EXPLAIN (ANALYZE, FORMAT json) $nearest");
    like($json, qr/"Lists Visited": $scan->{lists},\s*"Lists": 50,/, "$am: lists in JSON");
    like($json, qr/"Rows Reranked": $scan->{reranked},/, "$am: rows in JSON, none too");

    my $within = "SELECT id FROM $table WHERE 1 - (v <-> $query) > 1 - 0.25::float8 ORDER BY v <-> $query LIMIT 10";
    ($plan) = plan_and_scan($within);
    like($plan, qr/Distance Bound: 0\.25$/m, "$am: the bound of a threshold");
    unlike($node->safe_psql('postgres', "$force $explain $nearest"), qr/Distance Bound/, "$am: none without a threshold");
    $plan = $node->safe_psql('postgres', "$force EXPLAIN (COSTS OFF) $within");
    like($plan, qr/Distance Bound: 0\.25$/m, "$am: the bound of a scan that does not run");
    $plan = $node->safe_psql('postgres', "$force EXPLAIN (COSTS OFF) SELECT id FROM $table WHERE v <-> $query < (SELECT 0.25) ORDER BY v <-> $query");
    like($plan, qr/Distance Bound: known at run time$/m, "$am: a bound that is known later");
    $plan = $node->safe_psql('postgres', "$force EXPLAIN (ANALYZE, FORMAT json) $within");
    like($plan, qr/"Distance Bound": 0\.25/, "$am: the bound in JSON");
    ($plan) = plan_and_scan("SELECT id FROM $table WHERE v <-> $query < (SELECT NULL::float8) ORDER BY v <-> $query");
    like($plan, qr/Distance Bound: nothing passes$/m, "$am: a threshold of NULL");

    # Without a margin for the error of the bounds many rows come late.
    ($plan, $scan) = plan_and_scan("SELECT id FROM $table ORDER BY v <-> $query", "SET $am.epsilon = 0;");
    cmp_ok($scan->{dropped}, '>', 0, "$am: rows are dropped");
    like($plan, qr/Rows Dropped: $scan->{dropped}$/m, "$am: how many");
}

$node->stop;
done_testing();
