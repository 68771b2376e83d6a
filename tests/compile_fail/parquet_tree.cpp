// expect: crema: a row that has rows of its own type inside has no end of columns
#include "crema/parquet.hpp"

struct Tree {
  std::vector<Tree> branches;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(branches);
  }
};

void parquet_tree() { (void)crema::parquet::columns_of<Tree>(); }
