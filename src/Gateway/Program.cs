using Gateway;
using Gateway.CommandLine;

// gateway [serve]  serves a model repository until it is told to stop
// gateway check    says whether a repository and the settings are good, without serving
return await CommandLineProgram.RunAsync(args, options => ServeCommand.RunAsync(options), CheckCommand.RunAsync, Console.Out, Console.Error).ConfigureAwait(false);
