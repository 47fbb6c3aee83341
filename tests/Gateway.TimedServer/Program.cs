using Gateway;
using Gateway.CommandLine;
using Gateway.Core.Execution;
using Gateway.TestSupport;

// The program as it is, but for its backend: models whose runs wait instead of computing (see TimedBackend). With it a fleet of servers runs on one small machine
// as it would on several large ones.
return await CommandLineProgram.RunAsync(
    args,
    options => ServeCommand.RunAsync(options, services => services.AddSingleton<IExecutionBackend, TimedBackend>()),
    CheckCommand.RunAsync,
    Console.Out,
    Console.Error).ConfigureAwait(false);
