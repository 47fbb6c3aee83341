namespace Gateway.Server.Hosting;

/// <summary>Says what would come of loading a repository, without serving it.</summary>
public interface IRepositoryChecker
{
    /// <summary>Checks every model's configuration and files.</summary>
    /// <returns>One finding for each model version, or for each model that has none, in the order of their names.</returns>
    IReadOnlyList<RepositoryFinding> Check();
}
