using System.Runtime.InteropServices;
using Gateway.Load;
using Gateway.Load.CommandLine;
using Spectre.Console;

// gateway-load TARGET …    one run          gateway-load capacity TARGET …    the highest rate that holds an objective
// gateway-load prove …     the client itself  gateway-load tune …              settings
// gateway-load compare|merge|draw …          reports of reports
using CancellationTokenSource stop = new();
int signals = 0;
using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);

// In a file or a pipeline: no colours, and lines as long as they are.
IAnsiConsole console = AnsiConsole.Console;
if (Console.IsOutputRedirected)
{
    console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, ColorSystem = ColorSystemSupport.NoColors, Interactive = InteractionSupport.No });
    console.Profile.Width = 200;
}

return LoadProgram.Run(args, console, Console.Error, stop.Token);

// The first ends the load, and what was measured is reported; the second ends the program.
void Stop(PosixSignalContext context)
{
    context.Cancel = true;
    if (Interlocked.Increment(ref signals) > 1) Environment.Exit(ExitCode.Interrupted);
    stop.Cancel();
}
