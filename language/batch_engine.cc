#include "language/batch_engine.h"

#include <algorithm>
#include <utility>

#include "language/prompt_prefix.h"

namespace vlm {
namespace {

// Prompts start together until they have so many tokens: enough for full-speed products, and memory
// for activations stays bounded.
constexpr std::size_t kPromptRows = 1024;

// A shorter prefix costs less to read again than to wait for.
constexpr std::size_t kLeastShared = 32;

struct Running {
  std::size_t prompt = 0;
  std::unique_ptr<PromptSearch> search;
};

class BatchEngine {
 public:
  BatchEngine(const Decoder& decoder, const BatchWork& work, ThreadPool& pool)
      : decoder_(&decoder), work_(&work), pool_(&pool), session_(decoder, pool) {}

  void run() {
    while (next_prompt_ < work_->batch.prompts.size() || !running_.empty()) step();
  }

 private:
  void step() {
    next_tokens_.clear();
    rows_.clear();
    for (const Running& running : running_) {
      running.search->append_next(next_tokens_);
      rows_.push_back(next_tokens_.size());
    }
    const std::size_t num_running = running_.size();
    admit();
    starting_.clear();
    for (std::size_t i = num_running; i < running_.size(); ++i) {
      starting_.push_back({&running_[i].search->cache(), &prompt(running_[i].prompt)});
      rows_.push_back(next_tokens_.size() + starting_.size());
    }
    const MatrixView<float> logits = session_.step(next_tokens_, starting_);
    pool_->parallel_for(running_.size(), [&](std::size_t i) {
      const std::size_t first = i == 0 ? 0 : rows_[i - 1];
      running_[i].search->choose(logits.rows(first, rows_[i] - first));
    });
    advance();
  }

  [[nodiscard]] const GenerationPrompt& prompt(std::size_t index) const {
    return *work_->batch.prompts[index];
  }

  // Lets prompts join while there is room; one that shares more with a prompt that joins in this
  // very step waits for it.
  void admit() {
    const std::size_t num_running = running_.size();
    std::size_t rows = 0;
    while (next_prompt_ < work_->batch.prompts.size() && running_.size() < work_->batch.at_once) {
      const GenerationPrompt& joining = prompt(next_prompt_);
      const Prefix shared = longest_prefix(joining, 0, num_running);
      const Prefix not_yet_read = longest_prefix(joining, num_running, running_.size());
      if (not_yet_read.tokens > shared.tokens) return;
      const std::size_t new_rows = joining.ids.size() - shared.tokens;
      if (rows > 0 && rows + new_rows > kPromptRows) return;
      rows += new_rows;
      running_.push_back({next_prompt_, work_->begin(next_prompt_)});
      if (shared.tokens > 0) {
        running_.back().search->cache() = shared.cache->prefix(shared.tokens);
      }
      ++next_prompt_;
    }
  }

  // The beginning of a prompt, in the cache of another.
  struct Prefix {
    std::size_t tokens = 0;  // 0, or at least kLeastShared
    const KvCache* cache = nullptr;
  };

  // Of `joining` with the prompts that run in places first ... end - 1, and the one that ended
  // last.
  [[nodiscard]] Prefix longest_prefix(const GenerationPrompt& joining, std::size_t first,
                                      std::size_t end) const {
    Prefix best;
    // Positions that depend on a sequence's length are not those of another.
    if (decoder_->config().rope_scaling.depends_on_length(joining.ids.size())) return best;
    const auto offer = [&](const Running& other) {
      // The last token is read in any case: its logits are wanted.
      const std::size_t tokens =
          std::min(common_prefix(joining, prompt(other.prompt)), joining.ids.size() - 1);
      if (tokens >= kLeastShared && tokens > best.tokens) best = {tokens, &other.search->cache()};
    };
    for (std::size_t i = first; i < end; ++i) offer(running_[i]);
    if (first == 0 && last_ended_.search) offer(last_ended_);
    return best;
  }

  // Keeps the searches that go on.
  void advance() {
    std::vector<Running> going_on;
    for (Running& running : running_) {
      if (running.search->advance()) {
        going_on.push_back(std::move(running));
      } else {
        work_->end(running.prompt, *running.search);
        last_ended_ = std::move(running);
      }
    }
    running_ = std::move(going_on);
  }

  const Decoder* decoder_;
  const BatchWork* work_;
  ThreadPool* pool_;
  DecodingSession session_;
  std::size_t next_prompt_ = 0;
  std::vector<Running> running_;
  Running last_ended_;  // its cache may hold what the next prompt begins with
  std::vector<NextToken> next_tokens_;
  std::vector<NewSequence> starting_;
  std::vector<std::size_t> rows_;  // of the logits, where each running search's rows end
};

}  // namespace

void run_batch(const Decoder& decoder, const BatchWork& work, ThreadPool& pool) {
  BatchEngine(decoder, work, pool).run();
}

}  // namespace vlm
