#include "datasets/content_hash.h"

#include <gtest/gtest.h>

namespace vlm {
namespace {

TEST(ContentHash, IsSha256) {  // FIPS 180-4, example "abc"
  ContentHash hash;
  hash.add_bytes("ab");
  hash.add_bytes("c");
  EXPECT_EQ(hash.finish(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(ContentHash, FieldsDoNotRunIntoEachOther) {
  ContentHash left;
  left.add_field("ab");
  left.add_field("c");
  ContentHash right;
  right.add_field("a");
  right.add_field("bc");
  EXPECT_NE(left.finish(), right.finish());
}

}  // namespace
}  // namespace vlm
