namespace Gateway.Server.Hosting;

/// <summary>What the host starts and stops the models with; what it loads appears in the <see cref="Core.Models.ModelCatalog"/>.</summary>
/// <remarks><b>Threading</b>: called by one thread, <see cref="LoadAsync"/> once and then <see cref="StopAsync"/> once.</remarks>
public interface IModelLoader
{
    /// <summary>Loads and warms every model. One that cannot be loaded is put into the catalog as unavailable with its reason, and the others go on.</summary>
    Task LoadAsync(CancellationToken cancellation);

    /// <summary>Stops accepting, and finishes what was accepted. May be called while nothing has been loaded, or only a part.</summary>
    /// <param name="grace">Time for what was accepted; what is not done by then is refused or cut short.</param>
    /// <returns>Requests that were accepted and not served.</returns>
    Task<int> StopAsync(TimeSpan grace);
}
