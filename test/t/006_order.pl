# The order in which a scan without LIMIT gives rows out: relaxed_order brings every row, in true order within the lists
# that nprobe covers; strict_order, the default, never goes back and leaves few rows out; off stops after nprobe lists.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorQuant;

my $dims  = 40;
my $rows  = 4000;
my $lists = 24;
my $node  = new_node('order');
my %metric = ('<->' => 'vector_l2_ops', '<#>' => 'vector_ip_ops', '<=>' => 'vector_cosine_ops');

# Passes if all rows came in order. Bounds hold with high probability only: even with 4 standard errors a row in a thousand
# may come after its place, which strict order drops.
sub is_ordered
{
    my ($walked, $total, $strict, $name) = @_;
    my $late = int($total / 1000);
    my ($given, $distinct, $back) = @$walked;
    my $complete = $strict ? $given >= $total - $late && $back == 0 : $given == $total && $back <= $late;
    return ok($complete && $given == $distinct, $name) || diag("rows, distinct, steps back: @$walked");
}

sub check_order
{
    my ($am, $op, $with) = @_;
    my $name = "$am, $op, $with";
    my $table = 'items';
    new_table($node, $table, $dims, $rows, ops => $metric{$op}, am => $am, with => $with);
    fill($node, $table, $dims, $rows + 1, $rows + 500);    # open rows as well
    my $total = $rows + 500;
    my $query = query_vector($node, $dims, 3);
    uses_index($node, "SELECT id FROM $table ORDER BY v $op $query", "${table}_v", "$name: plan");

    my @walk    = ($node, $table, $query, $op);
    my $wide    = "SET $am.epsilon = 4;";
    my $relaxed = "$wide SET $am.iterative_scan = relaxed_order;";

    is_ordered([ walk(@walk, "$relaxed SET $am.nprobe = 65536;") ],
        $total, 0, "$name: relaxed, all lists: every row once, in order");
    my ($given, $distinct) = walk(@walk, "$relaxed SET $am.nprobe = 2;");
    is("$given $distinct", "$total $total", "$name: relaxed, two lists at first: every row once");
    is_strict(@walk, $total, "$name: strict, two lists at first, wide bounds", "$wide SET $am.nprobe = 2;");
    is_strict(@walk, $total, "$name: strict, as shipped", '');
    is_ordered([ walk(@walk, "$wide SET $am.nprobe = 65536;") ],
        $total, 1, "$name: strict, all lists: every row once, in order");
    ($given, $distinct, my $back) = walk(@walk, "$wide SET $am.nprobe = 2; SET $am.iterative_scan = off;");
    is($back, 0, "$name: off: in order");
    cmp_ok($given, '<', $total / 2, "$name: off: stops after nprobe lists");
    ($given) = walk(@walk, "$relaxed SET $am.nprobe = 2; SET $am.max_probes = 6;");
    cmp_ok($given, '<', $total * 0.8, "$name: max_probes ends the scan");
    # Little memory: candidates that found no room come with a further pass.
    is_ordered([ walk(@walk, "$relaxed SET $am.nprobe = 65536; SET work_mem = '64kB';") ],
        $total, 0, "$name: relaxed, 64 kB: every row once, in order");
    is_ordered([ walk(@walk, "$wide SET $am.nprobe = 65536; SET work_mem = '64kB';") ],
        $total, 1, "$name: strict, 64 kB: every row once, in order");
    $node->safe_psql('postgres', "DROP TABLE $table");
    return;
}

for my $am (access_methods())
{
    for my $op (sort keys %metric)
    {
        check_order($am, $op, $_) for "nlist = $lists", "nlist = $lists, refine = true, " . variant($am, 1);
    }
}

ok(!crashed($node), 'no backend crashed');
$node->stop;
done_testing();
