using Gateway.Core.Models;
using Gateway.Server.Hosting;

namespace Gateway;

/// <summary>What the program is put together from: the backend, the repository, the protocols.</summary>
internal static class Composition
{
    /// <summary>What serving needs beside what the host brings.</summary>
    public static void AddServices(IServiceCollection services) =>
        services.AddSingleton<IModelLoader, FolderListing>();

    /// <summary>The protocols, in the order in which they look at a request.</summary>
    public static void UseProtocols(WebApplication app) => app.UseHealth();

    /// <summary>What checking needs.</summary>
    public static ServiceProvider ForCheck(ServerOptions options) =>
        new ServiceCollection().AddSingleton(options).AddSingleton<IRepositoryChecker, FolderListing>().AddSingleton<ModelCatalog>().BuildServiceProvider();
}
