# An index whose pages are of another format version: refused at first use, with the version and the remedy; what does not
# open it works; REINDEX makes it usable.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorQuant;

my $dims  = 12;
my $node  = new_node('format', 'ignore_checksum_failure = on');    # a default cluster of 18 has checksums
my $query = query_vector($node, $dims, 1);
my $ours;

# The meta structure begins the payload of block 0: magic, version, checksum.
sub write_version
{
    my ($table, $version) = @_;
    my $file = $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('${table}_v')");
    $node->stop;
    $ours = unpack('V', substr(slurp_file($file), 24 + 4, 4));
    open(my $out, '+<', $file) or die $!;
    binmode $out;
    sysseek($out, 24 + 4, 0);
    syswrite($out, pack('V', $version)) == 4 or die $!;
    close($out);
    $node->start;
    return;
}

sub error_of
{
    my ($statement) = @_;
    my $err = '';
    $node->psql('postgres', "\\set VERBOSITY verbose\nSET client_min_messages = error; SET enable_seqscan = off;\n$statement", stderr => \$err, on_error_stop => 0);
    return $err;
}

sub is_refused
{
    my ($err, $table, $version, $hint, $name) = @_;
    like($err, qr/ERROR:  0A000: index "${table}_v" has format version $version, this library reads version $ours\nHINT:  \Q$hint\E/, $name);
    return is(scalar(() = $err =~ /ERROR:/g), 1, "$name: one error");
}

my $older = 'Please REINDEX it.';
my $newer = 'Please REINDEX it, or install the newer library that wrote it.';
for my $am (access_methods())
{
    new_table($node, $am, $dims, 300, am => $am);
    my $rows = $node->safe_psql('postgres', "SELECT string_agg(id::text, ',' ORDER BY id) FROM $am");
    my $scan = "SELECT id FROM $am ORDER BY v <-> $query LIMIT 3";
    for my $case ([ 0, $older ], [ 4711, $newer ])
    {
        my ($version, $hint) = @$case;
        write_version($am, $version);
        my %statement = (scan => $scan, EXPLAIN => "EXPLAIN $scan", VACUUM => "VACUUM (INDEX_CLEANUP on) $am",
            INSERT => "INSERT INTO $am SELECT id + 1000, v FROM $am", stats => "SELECT vector_quant_index_stats('${am}_v')",
            check => "SELECT vector_quant_index_check('${am}_v')");
        for my $name (sort keys %statement)
        {
            is_refused(error_of($statement{$name}), $am, $version, $hint, "$am, version $version: $name");
        }
        is(error_of("SELECT v FROM $am WHERE id = 5; SELECT count(*) FROM $am; DELETE FROM $am WHERE id = -1;"), '',
            "$am, version $version: what needs no distance order works");
        is($node->safe_psql('postgres', "SELECT string_agg(id::text, ',' ORDER BY id) FROM $am"), $rows, "$am, version $version: no row lost");
        $node->safe_psql('postgres', $version == 0 ? "REINDEX INDEX ${am}_v" : "REINDEX TABLE CONCURRENTLY $am");
        is_complete($node, $am, $query, "$am, version $version: after REINDEX");
    }
    write_version($am, 2);
    is(error_of("DROP INDEX ${am}_v; $scan"), '', "$am: DROP INDEX does not open it");
}
ok(!crashed($node), 'no crash');
done_testing();
