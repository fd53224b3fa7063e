#pragma once

// What happens to a text before it is compared with another: emoji go, Japanese spelling variants
// become one, white space collapses. The rule of the MecabTokenizer in SakanaAI's
// evolutionary-model-merge (eval/metrics.py), with emoji 2.10.1 and neologdn 0.5.2.

#include <string>
#include <string_view>

namespace vlm {

// Without the code points that are an emoji by themselves (Unicode property Emoji, not ASCII) or
// lie in U+1F600-1F64F, 1F300-1F5FF, 1F680-1F6FF, 1F1E0-1F1FF, 2702-27B0. Joiners and variation
// selectors stay.
std::string remove_emoji(std::string_view text);

// The rules of neologdn.normalize: full-width letters, digits and marks to ASCII, half-width
// katakana to full width with voicing marks joined, hyphen variants to '-', long-vowel variants to
// one U+30FC, tildes dropped, and blanks dropped except between Latin words. Ends at a NUL.
std::string normalize_japanese(std::string_view text);

// remove_emoji, then normalize_japanese, then words separated by one blank.
std::string normalize_text(std::string_view text);

}  // namespace vlm
