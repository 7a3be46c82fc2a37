// What VACUUM does about pages: it surveys them, rewrites groups with much dirt, and makes the file shorter.
#pragma once

#include "ivf/store/page_reserve.h"
#include "ivf/write/survey.h"

namespace vq::ivf {

struct GroupsSurvey
{
    Survey survey;
    bool *dirty;         // for each group, whether it is worth rewriting
    double rows;         // live
    double rows_squared; // summed over the lists
};

// Memory: as Survey, and a byte for each group; in the current context.
void survey_index(GroupsSurvey *survey, Relation rel, Relation heap, const Index *index,
                  BufferAccessStrategy strategy);

// Calls work(reserve) with the pages that the survey found free, to be taken before others; those that were taken are the survey's no more.
template <class Work>
void with_free_pages(Survey *survey, Work work)
{
    PageReserve reserve;
    reserve_begin(&reserve, survey->rel, survey->heap);
    reserve_prefer(&reserve, survey->ripe.blocks, survey->ripe.count);
    work(&reserve);
    reserve_end(&reserve);
    survey_forget(survey, reserve.next);
}

// Where there is no room for some, they stay as they are, with one warning. Returns whether any was rewritten.
bool rewrite_dirty_groups(GroupsSurvey *survey);

struct Shortened
{
    bool moved; // some group
    BlockNumber
        blocks; // of the file when the transaction ends, unless somebody has the index open or adds pages until then
};

// Sees to it that the file becomes shorter when the transaction ends.
Shortened shorten(GroupsSurvey *survey, int message_level);

} // namespace vq::ivf
