using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Running;
using Gateway.Benchmarks.Allocations;

if (args.Contains("--check-allocations")) return await AllocationCheck.RunAsync(Console.Out) ? 0 : 1;

// In this process: BenchmarkDotNet's own projects would have to build under this repository's rules, and take longer than the benchmarks.
BenchmarkSwitcher.FromAssembly(typeof(AllocationCheck).Assembly).Run(["--inProcess", .. args], DefaultConfig.Instance);
return 0;
