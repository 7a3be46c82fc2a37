#include "ivf/store/page.h"

#include "ivf/store/recent_buffers.h"

namespace vq::ivf {

void report_corrupted(Relation rel, BlockNumber block, const char *detail)
{
    ereport(ERROR,
            (errcode(ERRCODE_INDEX_CORRUPTED),
             errmsg("index \"%s\" is corrupted at block %u: %s", RelationGetRelationName(rel), block, detail),
             errhint("Please REINDEX it.")));
    pg_unreachable();
}

// Asking costs a system call, so the last answer is kept. As long as the relation is locked its file does not shrink, and a
// rebuilt index has another relfilenode.
static Oid known_relation = InvalidOid, known_file = InvalidOid;
static BlockNumber known_blocks = 0;

bool block_exists(Relation rel, BlockNumber block)
{
    const bool same = known_relation == RelationGetRelid(rel) && known_file == rel->rd_rel->relfilenode;
    if (same && block < known_blocks)
        return true;
    known_blocks = RelationGetNumberOfBlocks(rel);
    known_relation = RelationGetRelid(rel);
    known_file = rel->rd_rel->relfilenode;
    return block < known_blocks;
}

void forget_blocks()
{
    known_relation = InvalidOid;
}

void check_block(Relation rel, BlockNumber block)
{
    if (!block_exists(rel, block))
        report_corrupted(rel, block, "no such block");
}

bool is_our_page(Page page)
{
    const PageHeader header = (PageHeader)page;
    return header->pd_special == BLCKSZ - sizeof(PageTail) && page_tail(page)->magic == kTailMagic;
}

bool is_page_of(Page page, PageKind kind)
{
    return !PageIsNew(page) && is_our_page(page) && page_tail(page)->kind == (uint16_t)kind;
}

bool valid_page_bounds(Page page, PageKind kind)
{
    const PageHeader header = (PageHeader)page;
    if (kind != PageKind::Open)
        return header->pd_lower == header->pd_special && header->pd_upper == header->pd_special;
    const OpenHeader *open = (const OpenHeader *)page_payload(page);
    const bool numbered = header->pd_upper != header->pd_special;
    return header->pd_lower == open_page_end(open->rows, open->row_bytes) &&
           header->pd_lower <= header->pd_upper &&
           header->pd_upper == header->pd_special - (numbered ? open->rows : 0);
}

Buffer lock_page_if(Relation rel, BlockNumber block, PageKind kind)
{
    check_block(rel, block);
    Buffer buf = ReadBuffer(rel, block);
    LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
    if (is_page_of(BufferGetPage(buf), kind))
        return buf;
    UnlockReleaseBuffer(buf);
    return InvalidBuffer;
}

Buffer check_page(Relation rel, Buffer buf, PageKind kind, BufferLockMode lock)
{
    LockBuffer(buf, lock);
    Page page = BufferGetPage(buf);
    const char *why = nullptr;
    if (PageIsNew(page))
        why = "empty page";
    else if (!is_our_page(page))
        why = "not a vector_quant page";
    else if ((page_tail(page)->kind & ~kFreed) != (uint16_t)kind)
        why = "unexpected page kind";
    if (why) {
        const BlockNumber block = BufferGetBlockNumber(buf);
        UnlockReleaseBuffer(buf);
        report_corrupted(rel, block, why);
    }
    return buf;
}

Buffer read_page(Relation rel, BlockNumber block, PageKind kind, BufferLockMode lock)
{
    check_block(rel, block);
    return check_page(rel, read_recent_buffer(rel, block), kind, lock);
}

BlockNumber read_next(Relation rel, BlockNumber block, PageKind kind)
{
    Buffer buf = read_page(rel, block, kind, BUFFER_LOCK_SHARE);
    const BlockNumber next = next_of(BufferGetPage(buf));
    UnlockReleaseBuffer(buf);
    return next;
}

void replace_page(Relation rel, Buffer buf, Page image)
{
    LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
    GenericXLogState *state = GenericXLogStart(rel);
    memcpy(GenericXLogRegisterBuffer(state, buf, GENERIC_XLOG_FULL_IMAGE), image, BLCKSZ);
    GenericXLogFinish(state);
    UnlockReleaseBuffer(buf);
}

void init_page(Page page, PageKind kind)
{
    PageInit(page, BLCKSZ, sizeof(PageTail));
    // GenericXLog and full-page images leave out what lies between pd_lower and pd_upper.
    ((PageHeader)page)->pd_lower = ((PageHeader)page)->pd_upper;
    *page_tail(page) = {InvalidBlockNumber, (uint16_t)kind, kTailMagic};
}

} // namespace vq::ivf
