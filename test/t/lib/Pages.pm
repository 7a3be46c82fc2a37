# Pages of documentation: their code blocks, and what a reader fills in before running them.
#
# Blocks of a page run one after the other in a database, which a comment above the block begins: <!-- database NAME --> an empty one,
# <!-- database NAME with items --> one with what the README's block of the database main leaves. A NAME that begins with pgvector has pgvector
# and a table of its own. Blocks after <!-- server NAME: FILE --> take several servers: the test FILE runs them.
package Pages;

use strict;
use warnings;

use Exporter 'import';
use PostgreSQL::Test::Utils;

our @EXPORT = qw(pages blocks shell_lines filled);

# The README first: others begin with what its blocks leave.
sub pages
{
    my ($root) = @_;
    return ('README.md', sort map { "docs/$_" } grep { /\.md$/ } slurp_dir("$root/docs"));
}

# A page's blocks in order, as hashes: language, text, line, and either database, like (what the database begins with, or ''), or server,
# runs (which test runs it).
sub blocks
{
    my ($file) = @_;
    my ($number, $block, %where, @blocks) = (0);
    for my $line (split /\n/, slurp_file($file), -1)
    {
        $number++;
        if ($block)
        {
            if ($line =~ /^```/) { push @blocks, $block; undef $block; }
            else                 { $block->{text} .= "$line\n"; }
        }
        elsif ($line =~ /^```(\w*)/)
        {
            $block = { language => $1, text => '', line => $number, %where };
        }
        elsif ($line =~ /^<!-- database (\w+)(?: with (\w+))? -->/) { %where = (database => $1, like => $2 // ''); }
        elsif ($line =~ m{^<!-- server (\w+): (\S+) -->})            { %where = (server => $1, runs => $2); }
    }
    return @blocks;
}

# Commands of a block that is for the shell, without remarks behind them.
sub shell_lines
{
    my ($block) = @_;
    return () unless $block->{language} =~ /^(sh|bash)?$/;
    return map { s/\s+#.*//r } grep { /\S/ } split /\n/, $block->{text};
}

# A block's SQL with what a reader fills in: vectors, and rows where they are to be loaded.
sub filled
{
    my ($sql) = @_;
    my $rows = q{INSERT INTO items SELECT i, (ARRAY['cs.RO', 'cs.CL', 'math.NT'])[1 + i % 3],
        (SELECT array_agg(sin(i * 12.9898 + d * i * 78.233) ORDER BY d) FROM generate_series(1, 384) d)::real[]::vector
        FROM generate_series(1, 3000) i;};
    my $queries = q{INSERT INTO query_log (embedding)
        SELECT (SELECT array_agg(sin(i * 7.77 + d * i * 41.3) ORDER BY d) FROM generate_series(1, 384) d)::real[]::vector
        FROM generate_series(1, 500) i;};
    my $literal = "'[" . join(',', map { sprintf '%.3f', sin($_ * 1.7) } 1 .. 384) . "]'";
    $sql =~ s/^-- load the rows.*$/$rows/m;
    $sql =~ s/^-- load the queries.*$/$queries/m;
    $sql =~ s/'\[\.\.\.\]'/$literal/g;
    return $sql;
}

1;
