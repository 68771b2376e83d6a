#pragma once

// All of crema.

#include "crema/actor.hpp"
#include "crema/archive.hpp"
#include "crema/cluster.hpp"
#include "crema/csv.hpp"
#include "crema/dataset.hpp"
#include "crema/errors.hpp"
#include "crema/files.hpp"
#include "crema/future.hpp"
#include "crema/hdf5.hpp"
#include "crema/job.hpp"
#include "crema/json.hpp"
#include "crema/parquet.hpp"
#include "crema/part_files.hpp"
#include "crema/random.hpp"
#include "crema/read_options.hpp"
#include "crema/results.hpp"
#include "crema/sync.hpp"
#include "crema/task.hpp"
#include "crema/this_task.hpp"
#include "crema/wait.hpp"
