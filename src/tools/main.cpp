// The program `crema`: looks at what runs have left behind.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <iostream>

#include "common/version.hpp"
#include "crema/errors.hpp"
#include "tools/journal_report.hpp"

int main(int argc, char** argv) {
  CLI::App cli{"Looks at what runs of crema have left behind", "crema"};
  cli.set_version_flag("--version", std::string{"crema "} + crema::version);
  cli.require_subcommand(1);
  CLI::App& journal = *cli.add_subcommand(
      "journal", "Checks the journal of an unfinished run and tells what a resume would use; exit code 1: damaged");
  std::filesystem::path folder;
  bool records = false;
  journal.add_option("FOLDER", folder, "The folder beside the run file, as in coffee_shop.h5.journal")->required();
  journal.add_flag("--records", records, "List each record");
  try {
    cli.parse(argc, argv);
    return crema::tools::report_journal(folder, records, std::cout);
  } catch (const CLI::Success& help_or_version) {
    return cli.exit(help_or_version);
  } catch (const CLI::ParseError& error) {
    static_cast<void>(cli.exit(error));
  } catch (const crema::Error& error) {
    std::fprintf(stderr, "crema: %s\n", error.what());
  }
  return 2;
}
