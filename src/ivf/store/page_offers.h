// Which freed pages are offered for new content: the free space map of an index, with all of its levels, so that what is put
// into it is found by the next search.
#pragma once

#include "pg/postgres_cpp.h"

extern "C" {
#include "storage/block.h"
#include "utils/rel.h"
}

namespace vq::ivf {

// Makes the map of a new index, so that its pages can be offered even when the disk is full.
void begin_offers(Relation rel);

// Offers a page to everybody, at once. Where the map cannot be made long enough, the page is left to VACUUM.
void offer_page(Relation rel, BlockNumber block);

// The same of many, in ascending order. young: they are, as far as that is known.
void offer_pages(Relation rel, const BlockNumber *blocks, uint32_t count, bool young);

// The same of one that a look at it has shown to be too young: it no longer stands in front of others. To be called right
// after take_offer.
void offer_young_page(Relation rel, BlockNumber block);

// Offers a page when the present transaction ends, before which nobody may use it. After a rollback such pages are offered when
// the session next commits; a session that ends before leaves them to VACUUM. Memory: 4 bytes a page until then.
void offer_page_later(Relation rel, BlockNumber block);

// Uses up an xid when the present transaction ends, for a VACUUM that has freed pages. They are stamped with the next xid, so
// where nothing else happens the first transaction after it would still count as one that may be reading them.
void ripen_later();

// A page that is offered, and from then on to nobody else; InvalidBlockNumber = none. young: one that was too young when it
// was last looked at, in turn; else one that was not looked at yet, the lowest first. The map is not logged and its word is not
// to be trusted: the page may be in use, or lie behind the end of the file.
BlockNumber take_offer(Relation rel, bool young);

// How many pages from `first` on are offered. Reads the map only, which knows all that VACUUM has found; on a standby it is not kept.
BlockNumber offered_pages(Relation rel, BlockNumber first);

// The page was taken without asking the map.
void withdraw_offer(Relation rel, BlockNumber block);

// From _PG_init.
void init_page_offers();

} // namespace vq::ivf
