#pragma once

#include <gtest/gtest.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "runtime/rank.hpp"
#include "transport/loopback.hpp"

namespace crema {

/// Keeps a run in memory.
class MemorySink final : public runtime::RunSink {
 public:
  std::uint32_t name(const std::string& text) override {
    const auto place = numbers.try_emplace(text, static_cast<std::uint32_t>(names.size()));
    if (place.second) names.push_back(text);
    return place.first->second;
  }
  const std::string& text(std::uint32_t name) const override { return names.at(name); }
  void attempt(const record::TaskRow& row) override { rows.push_back(row); }
  void dependency(TaskId task, TaskId input) override { dependencies.emplace_back(task, input); }
  void failure(const Failure& failure) override { failures.push_back(failure); }
  bool keeps_up() const override { return true; }
  std::string why_broken() const override { return broken; }
  void flush() override {}
  int finish(const runtime::RunEnd& run_end) override {
    end = run_end;
    end.actors = nullptr;
    for (const auto& [id, actor] : run_end.actors->all()) actors.push_back(actor);
    return run_end.exit_code;
  }

  std::map<std::string, std::uint32_t> numbers;
  std::vector<std::string> names;
  std::vector<record::TaskRow> rows;
  std::vector<Failure> failures;
  std::vector<std::pair<TaskId, TaskId>> dependencies;  // task, input
  std::vector<head::ActorDirectory::Entry> actors;
  std::string broken;
  runtime::RunEnd end;
};

/// Keeps what is logged, for any thread.
class MemoryLog final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  [[nodiscard]] std::string text() {
    const std::lock_guard lock{mutex_};
    return text_;
  }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    text_.append(line.data(), line.size());
  }
  void flush_() override {}

  std::string text_;
};

/// A whole job in one process: real ranks with thread lanes, joined by the loopback transport, a thread a rank.
class LoopbackCluster {
 public:
  explicit LoopbackCluster(int ranks, std::uint64_t seed = 1) : network{ranks, seed}, size_{ranks} {}

  /// Runs the driver to the job's end; returns every rank's exit code.
  std::vector<int> run(std::function<void()> driver) {
    std::vector<runtime::RankInfo> infos(static_cast<std::size_t>(size_));
    for (auto& info : infos) {
      info = {"testhost", getpid(), "test", {}};
      info.resources = resources;
    }
    for (const auto& [rank, pid] : pids) infos[static_cast<std::size_t>(rank.number)].pid = pid;
    for (const auto& [rank, offered] : resources_of) infos[static_cast<std::size_t>(rank.number)].resources = offered;
    runtime::assign_roles(infos, actor_ranks);
    spdlog::logger log{"test", log_};
    resumes = !past.empty();
    std::vector<int> codes(static_cast<std::size_t>(size_), -1);
    std::vector<std::thread> threads;
    for (int i = 0; i < size_; ++i) {
      threads.emplace_back([&, i] {
        runtime::Progress progress{runtime::ProgressStyle::off, stderr, std::chrono::steady_clock::now()};
        runtime::Rank::Options own = options;
        if (journal != nullptr) own.keeps_history = true;
        own.resumes = resumes;
        if (!zygotes.empty()) {
          own.zygote = zygotes[static_cast<std::size_t>(i)].get();
          own.isolated = true;
        }
        runtime::Rank rank{network.endpoint(RankId{i}), infos, own, log};
        if (i == 0) rank.become_head(sink, progress, driver);
        if (i == 0 && journal != nullptr) rank.keep_history(*journal, std::move(past));
        codes[static_cast<std::size_t>(i)] = rank.run().exit_code;
        if (!zygotes.empty()) own.zygote->finish();
        if (network.is_cut(RankId{i})) return;
        objects_left += rank.objects().size();
        bytes_spilled += rank.objects().bytes_spilled();
      });
    }
    for (auto& thread : threads) thread.join();
    return codes;
  }
  /// The head's exit code; every rank has the same.
  int run_all(std::function<void()> driver) {
    const std::vector<int> codes = run(std::move(driver));
    for (const int code : codes) EXPECT_EQ(code, codes.front()) << sink.end.error;
    return codes.front();
  }

  /// What all ranks have logged so far.
  [[nodiscard]] std::string log() const { return log_->text(); }

  transport::LoopbackNetwork network;
  MemorySink sink;
  int actor_ranks = 1;
  std::map<RankId, pid_t> pids;                // of ranks that are to be looked for in a process other than this one
  std::string resources;                       // of every rank, as in --resources
  std::map<RankId, std::string> resources_of;  // of ranks that offer something else
  runtime::Rank::Options options;
  std::vector<std::unique_ptr<process::Zygote>> zygotes;  // by rank; none: lanes are threads
  journal::JournalSink* journal = nullptr;
  history::Past past;  // what earlier runs have done
  bool resumes = false;
  // Over all ranks, at their ends.
  std::atomic<std::size_t> objects_left = 0;
  std::atomic<std::uint64_t> bytes_spilled = 0;

 private:
  int size_;
  std::shared_ptr<MemoryLog> log_ = std::make_shared<MemoryLog>();
};

}  // namespace crema
