using Gateway;
using Gateway.CommandLine;

// gateway [serve]     serves a model repository until it is told to stop
// gateway check       says whether a repository and the settings are good, without serving
// gateway compile     optimises a model for this machine ahead, beside the model
// gateway precompute  asks a running server what a file has, so that it is in the cache
return await CommandLineProgram.RunAsync(args, options => ServeCommand.RunAsync(options), CheckCommand.RunAsync, Console.Out, Console.Error).ConfigureAwait(false);
