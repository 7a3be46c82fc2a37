# An index whose pages are of another format version: refused at first use, with the version and the remedy; what does not
# open it works; REINDEX makes it usable. One of version 2 is read as it is, and trained anew as one of today, but for scann's: its rotation
# was another before version 4.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorQuant;

my $dims  = 12;
my $kind_open = 6;    # PageKind::Open
my $node  = new_node('format');
my $query = query_vector($node, $dims, 1);
my $ours;

$node->stop;
disable_checksums($node);
$node->start;

sub crc32c
{
    my ($bytes) = @_;
    my $crc = 0xFFFFFFFF;
    for my $byte (unpack('C*', $bytes))
    {
        $crc ^= $byte;
        $crc = $crc & 1 ? ($crc >> 1) ^ 0x82F63B78 : $crc >> 1 for 1 .. 8;
    }
    return $crc ^ 0xFFFFFFFF;
}

# Open pages without the numbers of their rows' lists, as libraries of before left them: pd_upper is pd_special. Returns how many.
sub without_list_numbers
{
    my ($file) = @_;
    my $pages = slurp_file($file);
    my $open = 0;
    for (my $at = 0; $at < length $pages; $at += 8192)
    {
        my ($special) = unpack('v', substr($pages, $at + 16, 2));
        next if $special == 0 || unpack('v', substr($pages, $at + $special + 4, 2)) != $kind_open;
        substr($pages, $at + 14, 2) = pack('v', $special);
        $open++;
    }
    open(my $out, '>', $file) or die $!;
    binmode $out;
    print $out $pages;
    close($out);
    return $open;
}

# The meta structure begins the payload of block 0: magic, version, checksum. In version 2 it had 608 bytes, and zeros behind it.
sub write_as_version_2
{
    my ($table) = @_;
    my $file = $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('${table}_v')");
    $node->stop;
    my $meta = substr(slurp_file($file), 24, 608);
    substr($meta, 4, 8) = pack('VV', 2, 0);
    substr($meta, 8, 4) = pack('V', crc32c($meta));
    open(my $out, '+<', $file) or die $!;
    binmode $out;
    sysseek($out, 24, 0);
    syswrite($out, $meta . "\0" x 100) == 708 or die $!;
    close($out);
    my $open = without_list_numbers($file);
    $node->start;
    return $open;
}

sub is_read_as_version_2
{
    my ($am) = @_;
    my $table = "${am}_old";
    new_table($node, $table, $dims, 900, am => $am);
    $node->safe_psql('postgres', "INSERT INTO $table SELECT i, vq_row(i, $dims) FROM generate_series(901, 1000) i");
    cmp_ok(write_as_version_2($table), '>', 0, "$am: with open pages");
    is_complete($node, $table, $query, "$am: version 2 is read");
    my $stats = "FROM vector_quant_index_stats('${table}_v')";
    is($node->safe_psql('postgres', "SELECT format_version, crowding IS NULL, maintained IS NULL $stats"), '2|t|t', "$am: and is what it was");
    $node->safe_psql('postgres', "INSERT INTO $table SELECT i, vq_row(i, $dims) FROM generate_series(5001, 6500) i");
    is_complete($node, $table, $query, "$am: version 2 is written to");
    $node->safe_psql('postgres', "VACUUM $table");
    is($node->safe_psql('postgres', "SELECT format_version, rows, build_rows, maintained_because $stats"), "$ours|2500|2500|grown", "$am: trained anew, it is of today's version");
    is_complete($node, $table, $query, "$am: version 2, trained anew");
    return;
}

# The version alone.
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
    if ($am eq 'scann')
    {
        write_version($am, 3);
        is_refused(error_of($scan), $am, 3, $older, "$am, version 3");
        $node->safe_psql('postgres', "REINDEX INDEX ${am}_v");
        is_complete($node, $am, $query, "$am, version 3: after REINDEX");
    }
    else
    {
        is_read_as_version_2($am);
    }
    write_version($am, 1);
    is(error_of("DROP INDEX ${am}_v; $scan"), '', "$am: DROP INDEX does not open it");
}
ok(!crashed($node), 'no crash');
done_testing();
