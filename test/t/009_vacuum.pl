# VACUUM: deleted rows' space comes back, answers stay exact, and pages of inserted rows are merged into tiles.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorQuant;

my $dims  = 32;
my $rows  = 3000;
my $node  = new_node('vacuum');
my $query = query_vector($node, $dims, 1);

# Pages of the index by kind, and those that nothing refers to; see src/ivf/store/format.h.
sub pages
{
    my ($table) = @_;
    my %count = (tile => 0, open => 0, fine => 0, freed => 0);
    my $kinds = $node->safe_psql('postgres',
        "CHECKPOINT; SELECT get_byte(p, 8188) + 256 * get_byte(p, 8189), count(*)
         FROM generate_series(0, pg_relation_size('${table}_v') / 8192 - 1) b, vq_page('${table}_v', b) p GROUP BY 1");
    my %name = (5 => 'tile', 6 => 'open', 7 => 'fine');
    for (split /\n/, $kinds)
    {
        my ($kind, $n) = split /\|/;
        $count{ $kind & 0x8000 ? 'freed' : $name{$kind} // 'upper' } += $n;
    }
    return %count;
}

sub size { return $node->safe_psql('postgres', "SELECT pg_relation_size('$_[0]_v')"); }

sub same_as_exact
{
    my ($am, $table, $step) = @_;
    local $ENV{PGOPTIONS} = "-c $am.nprobe=65536 -c $am.epsilon=4";
    is(nearest($node, $table, $query, '<->', 100, 1), nearest($node, $table, $query, '<->', 100, 0), "$table, $step: as an exact scan");
    is_complete($node, $table, $query, "$table, $step");
}

sub come_and_go
{
    my ($am, $table, $with) = @_;
    new_table($node, $table, $dims, $rows, am => $am, with => $with);
    my $built = size($table);
    my %pages = pages($table);
    is($pages{open}, 0, "$table: no open pages after a build");

    # Inserts alone, then VACUUM.
    fill($node, $table, $dims, $rows + 1, $rows + 1100);
    my %inserted = pages($table);
    cmp_ok($inserted{open}, '>', 0, "$table: inserted rows lie in open pages");
    same_as_exact($am, $table, 'inserted');
    $node->safe_psql('postgres', "VACUUM $table");
    my %merged = pages($table);
    cmp_ok($merged{open}, '<', $inserted{open}, "$table: VACUUM merges open pages");
    same_as_exact($am, $table, 'merged');
    note("$table: " . join(', ', map { "$_ $inserted{$_} -> $merged{$_}" } sort keys %merged));

    # Rows come and go; what was freed in one round is used in the next.
    my (@sizes, @freed);
    for my $round (0 .. 7)
    {
        my $third = "id % 3 = $round % 3";
        $node->safe_psql('postgres', "DELETE FROM $table WHERE $third; VACUUM $table");
        same_as_exact($am, $table, "round $round, vacuumed");
        $node->safe_psql('postgres',
            "INSERT INTO $table SELECT id, vq_row(id, $dims) FROM generate_series(1, $rows + 1100) id WHERE $third");
        push @sizes, size($table);
        push @freed, { pages($table) }->{freed};
    }
    same_as_exact($am, $table, 'all rounds');
    note("$table: built $built, then @sizes; free pages @freed");
    cmp_ok($sizes[7], '<=', 1.1 * $sizes[3], "$table: size settles after some rounds");
    cmp_ok($sizes[7], '<=', 3 * $built * ($rows + 1100) / $rows, "$table: and stays within three times a fresh build");

    # A little dirt leaves the lists in place.
    my %before = pages($table);
    $node->safe_psql('postgres', "VACUUM $table; DELETE FROM $table WHERE id % 50 = 7; VACUUM $table");
    same_as_exact($am, $table, 'one row in fifty deleted');

    $node->safe_psql('postgres', "DELETE FROM $table; VACUUM $table");
    is(nearest($node, $table, $query, '<->', 5, 1), '', "$table: nothing left");
    fill($node, $table, $dims, 1, $rows);
    # All rows in one transaction, which cannot use the pages that its own sealing frees.
    cmp_ok(size($table), '<=', 3 * $built, "$table: filled again, within three times a fresh build");
    same_as_exact($am, $table, 'filled again');
    return;
}

for my $am (access_methods())
{
    # As they were built, so that sizes can be compared with those of a build.
    my $with = 'nlist = 30, auto_maintenance = off';
    come_and_go($am, "plain_$am", $with);
    come_and_go($am, "fine_$am", "$with, refine = true, refine_type = 'FP16', " . variant($am, 1));
}

ok(!crashed($node), 'no backend crashed');
$node->stop;
done_testing();
