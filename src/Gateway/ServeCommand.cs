using Gateway.CommandLine;
using Gateway.Core.Models.Repository;
using Gateway.Core.Timing;
using Gateway.Server.Hosting;

namespace Gateway;

/// <summary><c>gateway serve</c>: starts, says what it serves, and stops when told to.</summary>
internal static class ServeCommand
{
    /// <param name="addServices">Adds what is to take the place of a part of the program.</param>
    public static async Task<int> RunAsync(ServerOptions options, Action<IServiceCollection>? addServices = null)
    {
        IReadOnlyList<string> repositories = RepositoryFolders.Resolve(
            options.ModelRepository, Environment.CurrentDirectory, AppContext.BaseDirectory, mayBeEmpty: options.ModelControlMode != ModelControlMode.None);
        options = options with { ModelRepository = repositories };

        // Before the threads that it is for are started.
        ThreadScheduling.PreferThroughput();
        using StopSignals signals = new();
        GatewayHost host = GatewayHost.Build(options, Clock.Create(), (Composition.AddServices + addServices)!, Composition.UseProtocols);
        await using (host.ConfigureAwait(false))
        {
            try
            {
                await host.StartAsync(signals.Stop).ConfigureAwait(false);
                Console.Out.Write(host.Report(Samples.Beside(repositories), Environment.CurrentDirectory));
                await signals.WaitAsync().ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (signals.Stop.IsCancellationRequested)
            {
                // Told to stop while it was starting: that is no failure.
            }
            catch (StartupException)
            {
                await host.StopAsync().ConfigureAwait(false);
                throw;
            }

            int abandoned = await host.StopAsync().ConfigureAwait(false);
            Console.Out.Write(abandoned == 0 ? "Stopped; every accepted request was answered.\n" : $"Stopped; {abandoned} accepted requests were not served in time.\n");
            return abandoned == 0 ? ExitCode.Good : ExitCode.Failed;
        }
    }
}
